"""Pure statistics: every figure on a page comes from a function here, with its n and its range.

Nothing here reads a clock, a database or a random source that was not passed in. With no labels a
function answers None, which pages show as "unknown": never 0 %, never 100 %.
"""
