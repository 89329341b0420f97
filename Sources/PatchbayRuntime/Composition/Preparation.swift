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
    /// What runs in processes of its own though the file has it inline.
    private(set) var crashed = CrashedCode()

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

    /// The same with this code in processes of its own, as open as inline.
    ///
    /// - Parameter report: gets the name of each instance and function that would run inline otherwise.
    func isolating(_ crashed: CrashedCode, report: (_ name: String) -> Void = { _ in }) -> Preparation {
        var changed = self
        changed.crashed = crashed
        changed.catalogue.isolate(crashed).forEach(report)
        for function in configuration.modules.functions
        where function.isolation == .inline && crashed.functions.contains(function.name) {
            report("functions.\(function.name)")
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
