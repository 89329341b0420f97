import Logging
package import PatchbayConfiguration
package import PatchbayModules

/// A configuration file read and checked against what is there: its modules, their schemas, its expressions. What
/// `patchbay validate` reports, and what a run starts from. No module is loaded.
package struct Preparation: Sendable {
    package let configuration: Configuration
    package private(set) var catalogue: ModuleCatalogue
    /// What the functions of `modules.functions` are loaded from.
    let libraries: FunctionLibraries
    /// Where it was read from, and with what.
    let path: String
    let inputs: ConfigurationInputs

    /// - Parameter libraries: those of an earlier reading, and whose modules may run then; what the file says unless given.
    /// - Throws: everything that is wrong, with places.
    package init(
        path: String, inputs: ConfigurationInputs, libraries: FunctionLibraries? = nil
    ) throws(ConfigurationErrors) {
        self.path = path
        self.inputs = inputs
        var draft = Configuration.read(path: path, inputs: inputs)
        let catalogue = ModuleCatalogue(&draft, trust: libraries?.trust)
        let libraries = libraries ?? FunctionLibraries(trust: catalogue.trust)
        draft.resolveHandlers(among: catalogue.handlerNames)
        draft.resolveVersions(catalogue.meant)
        catalogue.checkConfigurations(&draft)
        Builtins.check(&draft, libraries)
        configuration = try draft.validated(handlers: catalogue.lookup)
        self.catalogue = catalogue
        self.libraries = libraries
    }

    /// The same with these instances in processes of their own, as open as inline.
    func isolating(_ instances: Set<String>, _ logger: Logger) -> Preparation {
        var changed = self
        for name in instances.sorted() where changed.catalogue.isolate(name) {
            logger.warning("'\(name)' runs in a process of its own this time: an earlier run ended in a crash there")
        }
        return changed
    }

    /// The same with another build of an instance's module.
    ///
    /// - Throws: why the file cannot be used, or that there is no such instance.
    func replacing(_ instance: String, by path: String) throws(ModuleError) -> Preparation {
        guard catalogue.instances[instance] != nil else {
            throw ModuleError(
                .unknownHandler, file: path, "'\(instance)' is no module, so no file can take its place",
                remedy: "compare a handler of a module")
        }
        switch ModuleScanner(trust: catalogue.trust).inspect(file: path) {
        case .rejected(let error): throw error
        case .accepted(let file):
            var changed = self
            changed.catalogue.replace(instance, by: file)
            return changed
        }
    }
}
