import Testing

@testable import PatchbayConfiguration

@Suite struct ShadowTests {
    private func route(_ shadow: String, to: String = "[{handler: shop.charge}]", modules: String = "{}") -> String {
        "modules: \(modules)\nroutes:\n- {name: a, to: \(to), shadow: [\(shadow)]}"
    }

    @Test func `a shadow is compared with the only handler of its route, or with the one that it names`() throws {
        let only = try valid(route("{handler: next.charge}")).routes[0]
        #expect(only.shadow[0].sample == 10_000 && only.besides(only.shadow[0])?.name == "shop.charge")
        let named = try valid(
            route(
                "{handler: next.charge, sample: 0.5%, beside: audit.append}",
                to: "[{handler: shop.charge}, {oneOf: [{handler: audit.append}, {handler: b.c}]}]")
        ).routes[0]
        #expect(named.shadow[0].sample == 50 && named.besides(named.shadow[0])?.name == "audit.append")
    }

    @Test(arguments: [
        ("{sample: 10%}", "3:52 missingKey routes[0].shadow[0]: a shadow needs the key 'handler'"),
        ("{handler: n.c, sample: 10}", "3:75 badValue routes[0].shadow[0].sample: '10' is not a share"),
        ("{handler: n.c, sample: 101%}", "3:75 badValue routes[0].shadow[0].sample: '101%' is not a share"),
        ("{handler: n.c, sample: -0.1}", "3:75 badValue routes[0].shadow[0].sample: '-0.1' is not a share"),
        (
            "{handler: builtin.log}",
            "3:62 impossible routes[0].shadow[0].handler: a shadow is a module's handler, and this one is the host's own"
        ),
        (
            "{handler: n.c, beside: x.y}",
            "3:75 unresolved routes[0].shadow[0].beside: the route does not deliver to 'x.y'"
        ),
        (
            "{handler: n.c}, {handler: n.c, sample: 5%}",
            "3:78 duplicateName routes[0].shadow[1].handler: the route has this shadow already"
        ),
        ("{handler: n.c, weight: 1}", "3:67 unknownKey routes[0].shadow[0].weight: unknown key 'weight' in a shadow"),
    ])
    func `refuses a shadow with its place`(shadow: String, error: String) {
        #expect(errors(route(shadow)) == [error])
    }

    @Test func `a version means those that begin with its components`() throws {
        let wanted = try #require(HandlerVersion("billing.charge.v@2.1"))
        #expect(wanted.module == "billing" && wanted.handler == "charge.v" && wanted.version == "2.1")
        #expect(wanted.means("2.1") && wanted.means("2.1.0") && wanted.means("2.1.0-rc.1"))
        #expect(!wanted.means("2.10.0") && !wanted.means("2") && !wanted.means("12.1.0"))
        #expect(HandlerVersion("billing.charge") == nil)
    }

    @Test(arguments: ["a.b@", "a@1.b", "a.b@1@2", "a.b@v 1", "a.b@1/2"]) func `refuses what is no version`(name: String)
    {
        let found = errors("routes: [{name: a, to: [{handler: '\(name)'}]}]")
        #expect(found == ["1:35 badValue routes[0].to[0].handler: '\(name)' is not a handler"])
    }

    @Test func `refuses to guess among several handlers, and names that nothing has`() {
        let several = "[{handler: shop.charge}, {handler: audit.append}]"
        #expect(
            errors(route("{handler: n.c}", to: several)) == [
                "3:87 impossible routes[0].shadow[0]: the route has several handlers, and nothing says which one to compare with"
            ])
        let unknown = errors(
            route("{handler: n.c}"), handlers: { $0 == "n.c" ? .unknown(candidates: ["n.d"]) : .found })
        #expect(
            unknown == ["3:62 unresolved routes[0].shadow[0].handler: no handler is named 'n.c'; did you mean 'n.d'?"])
        let own = errors(route("{handler: flaky.fail}", modules: "{load: [{name: flaky, builtin: fail}]}"))
        #expect(own.count == 1 && own[0].contains("the host's own"))
    }
}
