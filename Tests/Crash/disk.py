"""The disk under a host, as the shim writes it down: makes of a data folder what a power cut may leave of it."""

import os
import shutil

PAGE = 4096


class Disk:
    """`root` is the folder that the shim watches, `shadow` where it keeps what is safe (see shim.c)."""

    def __init__(self, root, shadow):
        self.root = root
        self.shadow = shadow
        os.makedirs(root, exist_ok=True)
        self.adopt()

    def adopt(self):
        """Everything that is under the root now is safe."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        for part in ("pins", "files", "names"):
            os.makedirs(f"{self.shadow}/{part}")
        self._adopt(self.root)

    def _adopt(self, folder):
        lines = []
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            inode = entry.inode()
            lines.append(f"+ {entry.name} {inode} {'d' if entry.is_dir() else 'f'}\n")
            if entry.is_dir():
                self._adopt(entry.path)
            else:
                os.link(entry.path, f"{self.shadow}/pins/{inode}")
                shutil.copyfile(entry.path, f"{self.shadow}/files/{inode}")
        with open(f"{self.shadow}/names/{os.stat(folder).st_ino}", "w") as file:
            file.writelines(lines + ["S\n"])

    def cut(self, style, random):
        """The power goes. What was synced stays; of the rest nothing (`strict`), pages and names by chance (`torn`), or
        everything but names (`ahead`: the disk was quick). Returns counts of what was lost."""
        lost = {"names": 0, "files": 0, "bytes": 0}
        made = f"{self.root}.new"
        shutil.rmtree(made, ignore_errors=True)
        os.makedirs(made)
        self._rebuild(os.stat(self.root).st_ino, made, style, random, lost)
        shutil.rmtree(self.root)
        os.rename(made, self.root)
        self.adopt()
        return lost

    def _rebuild(self, inode, target, style, random, lost):
        for name, (number, kind) in self._names(inode, style, random, lost).items():
            path = f"{target}/{name}"
            if kind == "d":
                os.mkdir(path)
                self._rebuild(number, path, style, random, lost)
            else:
                with open(path, "wb") as file:
                    file.write(self._bytes(number, style, random, lost))

    def _names(self, inode, style, random, lost):
        """The names in a folder, each with its inode and kind."""
        names = {}
        kinds = {}
        path = f"{self.shadow}/names/{inode}"
        lines = open(path).read().split("\n") if os.path.exists(path) else []
        # The last line may be half written; then its operation was under way.
        lines.pop() if lines else None
        synced = max((index for index, line in enumerate(lines) if line == "S"), default=-1)
        for index, line in enumerate(lines):
            part = line.split(" ")
            if part[0] == "+":
                kinds[part[2]] = part[3]
            if part[0] == "S":
                continue
            if index > synced and (style != "torn" or random.random() < 0.5):
                lost["names"] += 1
                continue
            if part[0] == "+":
                names[part[1]] = part[2]
            elif part[0] == "-":
                names.pop(part[1], None)
            elif part[0] == "R":
                names.pop(part[1], None)
                names[part[2]] = part[3]
        return {name: (number, kinds.get(number, "f")) for name, number in names.items()}

    def _bytes(self, inode, style, random, lost):
        safe = self._read(f"{self.shadow}/files/{inode}")
        now = self._read(f"{self.shadow}/pins/{inode}")
        if safe == now or style == "ahead":
            return now
        lost["files"] += 1
        lost["bytes"] += abs(len(now) - len(safe)) or sum(a != b for a, b in zip(now, safe))
        if style == "strict":
            return safe
        length = len(now)
        if length != len(safe):
            low, high = sorted((len(safe), length))
            length = random.choice([low, high, random.randint(low, high)])
        result = bytearray(length)
        for start in range(0, length, PAGE):
            page = (now if random.random() < 0.5 else safe)[start : min(start + PAGE, length)]
            result[start : start + len(page)] = page
        return bytes(result)

    @staticmethod
    def _read(path):
        if not os.path.exists(path):
            return b""
        with open(path, "rb") as file:
            return file.read()
