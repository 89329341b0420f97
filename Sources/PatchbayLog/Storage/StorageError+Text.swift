import Glibc

extension StorageError {
    /// Whether there was no room: the same may go well once there is.
    package var isNoSpace: Bool { errno == ENOSPC || errno == EDQUOT || errno == EFBIG }

    package var isMissing: Bool { errno == ENOENT }

    /// What to do about it.
    package var remedy: String {
        switch errno {
        case ENOSPC: "free space on the disk of this folder"
        case EDQUOT: "raise the quota of the user, or free space"
        case EFBIG: "raise the limit of file sizes (ulimit -f)"
        case EIO: "check the disk (dmesg, smartctl), and restore the folder from a copy if the disk is bad"
        case EROFS: "the file system is mounted read-only: check the disk, then mount it for writing"
        case EACCES, EPERM: "give the user that runs patchbay the right to read and write it"
        case EMFILE, ENFILE: "raise the limit of open files (ulimit -n)"
        case ENOENT: "check the path"
        case ENOTDIR: "a part of the path is a file: give a folder"
        case ENOMEM: "there is no memory left: free some"
        default: "check the disk and the folder's rights"
        }
    }

    package var description: String {
        let reason = errno == 0 ? "the disk gave fewer bytes than it has" : String(cString: strerror(errno))
        return "cannot \(operation.rawValue) \(path): \(reason); \(remedy)"
    }
}
