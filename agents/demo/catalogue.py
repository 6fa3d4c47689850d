"""What the demo's world is made from: products, names and places, all invented.

Pure data. Prices are minor units of EUR.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    """Something the shop sells."""

    sku: str
    name: str
    price_minor: int


PRODUCTS: tuple[Product, ...] = (
    Product("GT-01", "trail gaiters", 4_200),
    Product("BT-02", "insulated bottle", 2_650),
    Product("HL-03", "head torch", 3_890),
    Product("SK-04", "merino socks", 1_790),
    Product("BN-05", "merino beanie", 2_490),
    Product("GL-06", "windproof gloves", 3_450),
    Product("ST-07", "camping stove", 6_490),
    Product("PT-08", "titanium pot", 5_290),
    Product("MT-09", "sleeping mat", 8_990),
    Product("PL-10", "trekking poles", 7_450),
    Product("SH-11", "base layer shirt", 5_690),
    Product("TR-12", "hiking trousers", 9_490),
    Product("DP-13", "day pack", 8_490),
    Product("DB-14", "dry bag", 2_190),
    Product("KN-15", "camp knife", 4_690),
    Product("HM-16", "hammock", 6_190),
    Product("FL-17", "fleece jacket", 9_990),
    Product("CP-18", "map case", 1_990),
    Product("LN-19", "camp lantern", 3_290),
    Product("CH-20", "folding chair", 7_790),
)

LARGE_PRODUCTS: tuple[Product, ...] = (
    Product("TN-31", "two-person tent", 34_900),
    Product("SB-32", "down sleeping bag", 22_900),
    Product("RJ-33", "rain jacket", 15_950),
    Product("HB-34", "hiking boots", 17_900),
    Product("TP-35", "65 litre backpack", 18_990),
    Product("DJ-36", "down jacket", 19_950),
    Product("SP-37", "ski touring trousers", 16_990),
    Product("GP-38", "handheld navigator", 27_900),
)

FIRST_NAMES: tuple[str, ...] = (
    *("Aino", "Albin", "Amelie", "Anouk", "Arne", "Beata", "Benedikt", "Bianca", "Bram", "Carla"),
    *("Cedric", "Clara", "Dario", "Dorota", "Edda", "Elias", "Elin", "Enzo", "Eva", "Fabian"),
    *("Fenna", "Filip", "Greta", "Gustav", "Hanna", "Henrik", "Ida", "Ilse", "Ines", "Ivo"),
    *("Jana", "Jonas", "Joris", "Julia", "Kaisa", "Karel", "Katrin", "Lars", "Leonie", "Linus"),
    *("Lotte", "Luca", "Maja", "Marek", "Marta", "Mathis", "Mila", "Nadia", "Niels", "Nora"),
    *("Oskar", "Paula", "Pavel", "Petra", "Pia", "Rasmus", "Rosa", "Sanne", "Simon", "Stella"),
    *("Sven", "Tereza", "Theo", "Tilda", "Tomas", "Vera", "Viktor", "Wanda", "Willem", "Zoe"),
)

LAST_NAMES: tuple[str, ...] = (
    *("Aalto", "Adler", "Bakker", "Bauer", "Berger", "Bianchi", "Blanc", "Borg", "Brandt"),
    *("Colombo", "Cornelis", "Dahl", "Dekker", "Dubois", "Ebner", "Egger", "Eklund", "Engel"),
    *("Fabre", "Falk", "Ferrari", "Fischer", "Fontaine", "Gallo", "Gruber", "Haas", "Hansen"),
    *("Hofer", "Holm", "Horvat", "Huber", "Jansen", "Kaplan", "Keller", "Klein", "Koller"),
    *("Kovac", "Kraus", "Lang", "Larsen", "Lehmann", "Lindqvist", "Maier", "Marek", "Martin"),
    *("Mertens", "Moreau", "Moser", "Novak", "Nyberg", "Olsen", "Peeters", "Pichler", "Ricci"),
    *("Romano", "Roux", "Sauer", "Schmid", "Seidel", "Smit", "Sommer", "Steiner", "Svoboda"),
    *("Thaler", "Urban", "Vidal", "Visser", "Vogel", "Wagner", "Weber", "Winter", "Zeller"),
)

STREETS: tuple[str, ...] = (
    *("Alder Lane", "Bridge Street", "Castle Road", "Church Square", "Elm Grove", "Field Path"),
    *("Garden Row", "Harbour Street", "Hill Road", "Lake View", "Linden Avenue", "Mill Lane"),
    *("North Gate", "Orchard Close", "Park Street", "Quarry Road", "River Walk", "School Lane"),
    *("Station Road", "Sunny Bank", "Tower Street", "Valley Road", "West Street", "Willow Way"),
)

CITIES: tuple[tuple[str, str], ...] = (
    ("4020", "Linz"),
    ("5020", "Salzburg"),
    ("6020", "Innsbruck"),
    ("8010", "Graz"),
    ("9000", "Gent"),
    ("2000", "Antwerpen"),
    ("50667", "Köln"),
    ("79098", "Freiburg"),
    ("93047", "Regensburg"),
    ("69001", "Lyon"),
    ("38000", "Grenoble"),
    ("39100", "Bolzano"),
    ("33100", "Tampere"),
    ("60200", "Brno"),
)

CARRIERS: tuple[str, ...] = ("Nordpost", "Alpin Express", "Paketweg")
