"""The scenarios on the gateway that ``--gateway`` names."""

from gateway_suite.check import check
from gateway_suite.runner import Outcome


def test_scenario(outcome: Outcome, family: str) -> None:
    faults = check(outcome, family)
    assert not faults, f"{outcome.scenario.about}\n- " + "\n- ".join(faults) + f"\nlog of the filter:\n{outcome.log}"
