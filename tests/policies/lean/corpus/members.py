"""All families of the corpus."""

from __future__ import annotations

from tests.policies.lean.corpus import (
    axioms,
    conversion,
    deep,
    elimination,
    girard,
    inductives,
    lines,
    literals,
    names,
    overflow,
    positivity,
    projections,
    quotients,
    recursors,
    scopes,
    universes,
    wrong_types,
)

FAMILIES = [
    module.FAMILY
    for module in (
        wrong_types,
        universes,
        girard,
        positivity,
        inductives,
        recursors,
        elimination,
        axioms,
        scopes,
        names,
        overflow,
        literals,
        conversion,
        projections,
        quotients,
        deep,
        lines,
    )
]
MEMBERS = [member for family in FAMILIES for member in family.members]
TWINS = [twin for family in FAMILIES for twin in family.twins]
