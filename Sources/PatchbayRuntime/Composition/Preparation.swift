package import PatchbayConfiguration

/// A configuration file read and checked against what is there: its modules, their schemas, its expressions. What
/// `patchbay validate` reports, and what a run starts from. No module is loaded.
package struct Preparation: Sendable {
    package let configuration: Configuration
    package let catalogue: ModuleCatalogue

    /// - Throws: everything that is wrong, with places.
    package init(path: String, inputs: ConfigurationInputs) throws(ConfigurationErrors) {
        var draft = Configuration.read(path: path, inputs: inputs)
        let catalogue = ModuleCatalogue(&draft)
        draft.resolveHandlers(among: catalogue.handlerNames)
        catalogue.checkConfigurations(&draft)
        Builtins.check(&draft)
        configuration = try draft.validated(handlers: catalogue.lookup)
        self.catalogue = catalogue
    }
}
