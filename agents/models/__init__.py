"""Models behind the port of `agents.ports`: the embedded one needs no key and no network."""
