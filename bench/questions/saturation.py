"""How many frames per second at full load, and at what CPU time, compared with the limit and the naive pool?"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from bench.answer import Answer, Series, at_least, at_most, ratios
from bench.dlib_hog import dlib_detection
from bench.naive import Naive
from bench.plain_loop import plain_detection
from bench.through_broker import ThroughBroker
from edge_agent.benchmark.busy_pool import BusyPool
from edge_agent.benchmark.limit import Burst, Limit

if TYPE_CHECKING:
    from bench.setup import Setup

LIMIT: Final = "limit: bare processes"
PLAIN: Final = "plain loop: cv2.imdecode + resize + YuNet-n 640"
POOL: Final = "pool alone"
BROKER: Final = "through mosquitto"
NAIVE: Final = "naive pool"
SINGLE: Final = "one process, synchronous"
UTILISATION: Final = "pool alone: utilisation of the workers"
LOST: Final = "pool alone: frames lost"
DLIB: Final = "one process, dlib HOG, one upsampling"

Contender = Limit | BusyPool | ThroughBroker | Naive


def measure(setup: Setup) -> Answer:
    """Run every contender in turn, `rounds` times."""
    bursts: defaultdict[str, list[Burst]] = defaultdict(list)
    pool = BusyPool(setup.settings, setup.detectors, setup.frames)
    with contextlib.ExitStack() as resources:
        contenders = _contenders(setup, pool, resources)
        for _ in range(setup.rounds):
            for name, contender in contenders.items():
                bursts[name].append(contender.run(setup.burst_s))
    rates = {name: Series(name, "frames/s", tuple(burst.rate for burst in all_)) for name, all_ in bursts.items()}
    costs = {
        name: Series(f"{name}: processor time", "ms/frame", tuple(burst.cpu_ms for burst in bursts[name]))
        for name in (LIMIT, PLAIN, POOL, BROKER)
    }
    busy = Series(UTILISATION, "", tuple(each.utilization for each in bursts[POOL]))
    return _answer(rates, costs, busy, Series(LOST, "%", (100 * pool.lost / pool.offered,)))


def _contenders(setup: Setup, pool: BusyPool, resources: contextlib.ExitStack) -> dict[str, Contender]:
    choice, frames, workers = setup.choice, setup.frames, setup.workers
    made: dict[str, Contender] = {
        LIMIT: Limit(choice, frames, processes=workers),
        PLAIN: Limit(choice, frames, processes=workers, make_detect=plain_detection),
        POOL: pool,
        BROKER: ThroughBroker(frames, workers),
        NAIVE: Naive(choice, frames, workers=workers),
        SINGLE: Limit(choice, frames, processes=1),
    }
    if dlib_detection is not None:
        made[DLIB] = Limit(choice, frames, processes=1, make_detect=dlib_detection)
    for contender in made.values():
        resources.enter_context(contender)
    return made


def _answer(rates: dict[str, Series], costs: dict[str, Series], busy: Series, lost: Series) -> Answer:
    shares = {
        "pool alone / limit": (rates[POOL], rates[LIMIT], 0.97),
        "through mosquitto / limit": (rates[BROKER], rates[LIMIT], 0.9),
        "pool alone / naive pool": (rates[POOL], rates[NAIVE], 3.0),
    }
    compared = {name: ratios(name, ours, theirs) for name, (ours, theirs, _) in shares.items()}
    compared |= {
        name: ratios(name, costs[whose], costs[PLAIN])
        for name, whose in (
            ("pool alone / plain loop: processor time", POOL),
            ("through mosquitto / plain loop: processor time", BROKER),
        )
    }
    targets = [at_least(name, compared[name].median, wanted) for name, (_, _, wanted) in shares.items()]
    targets += [at_most(name, each.median, 0.6) for name, each in compared.items() if "time" in name]
    targets += [at_least(UTILISATION, busy.median, 0.95), at_most(LOST, lost.median, 0.0, " %")]
    remarks = () if DLIB in rates else ("dlib HOG is left out: dlib is not installed",)
    return Answer(
        __doc__ or "", (*rates.values(), *costs.values(), *compared.values(), busy, lost), (), tuple(targets), remarks
    )
