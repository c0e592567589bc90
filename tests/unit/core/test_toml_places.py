"""Where the values of a TOML text stand: the same values that the parser finds, each on its line."""

import tomllib

from idp.core.toml_places import nearest, places

TEXT = '''# a comment with "quotes" and [brackets]
plain = "x" # another = "y"
"q k".b = 3
date = 1979-05-27 07:32:00
long = """
 a "" ] } = [x]
"quoted""""
literal = \'\'\'
 a'
\'\'\'
list = [ # three elements
  "one", 'two]',
  { x = 1, "y" = [ 2, {z = "}"} ] },
]
empty = []
[table.inner] # a header
v = true
[[jwks.keys]]
kty = "EC"
  [jwks.keys.more]
  a=1
[[ jwks . "keys" ]]
kty = "RSA"
'''


def paths_of(value, path=()):
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths_of(inner, (*path, name))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from paths_of(inner, (*path, number))


def test_every_value_that_the_parser_finds_has_its_place_and_no_other():
    assert set(places(TEXT)) == set(paths_of(tomllib.loads(TEXT)))


def test_a_place_is_the_line_and_the_very_characters_of_the_value():
    found = places(TEXT)

    def at(*path):
        place = found[path]
        return place.line, TEXT[place.start : place.end]

    assert at("plain") == (2, '"x"')
    assert at("date") == (4, "1979-05-27 07:32:00")
    assert at("long")[1].endswith('"quoted""""')
    assert at("literal")[0] == 8
    assert at("list", 1) == (12, "'two]'")
    assert at("list", 2, "y", 1, "z") == (13, '"}"')
    assert at("empty") == (15, "[]")
    assert at("table", "inner", "v") == (17, "true")
    assert at("jwks", "keys", 0, "more", "a") == (21, "1")
    assert at("jwks", "keys", 1, "kty") == (23, '"RSA"')


def test_what_has_no_place_is_where_the_nearest_thing_around_it_is():
    found = places(TEXT)

    assert nearest(found, ("jwks", "keys", 1, "d")).line == 22
    assert nearest(found, ("list", 9)).line == 11
    assert nearest(found, ("nothing",)) is None


def test_lines_that_end_as_on_windows_count_the_same():
    found = places("a = 1\r\nb = [\r\n  2,\r\n]\r\n")

    assert (found["a",].line, found["b",].line, found["b", 0].line) == (1, 2, 3)
