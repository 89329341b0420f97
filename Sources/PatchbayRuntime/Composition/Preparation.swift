import Logging
package import PatchbayConfiguration
package import PatchbayModules

/// A configuration file read and checked against what is there: its modules, their schemas, its expressions. What
/// `patchbay validate` reports, and what a run starts from. No module is loaded.
package struct Preparation: Sendable {
    package let configuration: Configuration
    package private(set) var catalogue: ModuleCatalogue
    /// Where it was read from, and with what.
    let path: String
    let inputs: ConfigurationInputs

    /// - Parameter trust: whose modules may run; what the file says unless given.
    /// - Throws: everything that is wrong, with places.
    package init(
        path: String, inputs: ConfigurationInputs, trust: ModuleTrust? = nil
    ) throws(ConfigurationErrors) {
        self.path = path
        self.inputs = inputs
        var draft = Configuration.read(path: path, inputs: inputs)
        let catalogue = ModuleCatalogue(&draft, trust: trust)
        draft.resolveHandlers(among: catalogue.handlerNames)
        catalogue.checkConfigurations(&draft)
        Builtins.check(&draft, catalogue.trust)
        configuration = try draft.validated(handlers: catalogue.lookup)
        self.catalogue = catalogue
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
