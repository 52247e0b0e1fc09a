"""Two hundred lives of thirty steps over the real application, and the laws after each step."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, ClassVar

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.conftest import fresh_database
from tests.simulation.life import House, Life, Statistics, house, sound
from tests.simulation.rules import Numbers
from tests.simulation.steps import KINDS, step

LIVES, LENGTH, SEEDS = 200, 30, 20
NUMBERS = st.tuples(*[st.integers(0, 10**9)] * 3)


class Machine(RuleBasedStateMachine):
    """One life. The house and the loop it runs in are all lives'."""

    runner: ClassVar[asyncio.Runner]
    house: ClassVar[House]
    statistics: ClassVar[Statistics]
    life: Life | None = None

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self.runner.run(work)

    @initialize(numbers=NUMBERS, sandbox=st.booleans())
    def begin(self, numbers: tuple[int, ...], sandbox: bool) -> None:
        self.statistics.lives += 1
        self.life = Life(self.house, f"p{self.statistics.lives}")
        self._run(self.life.begin(Numbers(*numbers), sandbox=sandbox))

    @rule(kind=st.sampled_from(KINDS), numbers=NUMBERS)
    def step(self, kind: str, numbers: tuple[int, ...]) -> None:
        assert self.life is not None
        self._run(step(self.life, kind, Numbers(*numbers), self.statistics))

    def teardown(self) -> None:
        # A life that a broken law cut off before it began has no end.
        if self.life is not None:
            self._run(self.life.end())


def test_whatever_members_do_the_laws_hold(database_server: str) -> None:
    Machine.statistics = statistics = Statistics()
    with fresh_database(database_server) as url, asyncio.Runner() as Machine.runner:
        open_house = house(url)
        Machine.house = Machine.runner.run(open_house.__aenter__())
        try:
            # The same lives each time, so that the shares of the kinds hold: `make simulate` leads others. Of many
            # seeds, for of one Hypothesis soon varies what it had, and some kinds hardly come.
            for number in range(SEEDS):
                run_state_machine_as_test(
                    seed(number)(Machine),
                    settings=settings(
                        max_examples=LIVES // SEEDS,
                        stateful_step_count=LENGTH + 2,
                        deadline=None,
                        database=None,
                        suppress_health_check=list(HealthCheck),
                    ),
                )
            Machine.runner.run(sound(Machine.house))
        finally:
            Machine.runner.run(open_house.__aexit__(None, None, None))
    sys.stdout.write("\n".join([*statistics.lines(), ""]))
    assert statistics.lives >= LIVES
    assert statistics.steps >= LIVES * LENGTH
    for kind in set(KINDS):
        assert statistics.taken[kind] >= statistics.steps / 100, kind
        assert statistics.accepted[kind] >= statistics.taken[kind] / 2, kind
