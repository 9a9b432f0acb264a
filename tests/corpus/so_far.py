# SPDX-License-Identifier: MIT
"""What has been reached, and what is aimed at."""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """Of each state, at most: answers that are not right, answers that are wrong, and those of them that are likely or surer. And
    violations of monotony at most. `*` is a function from the score to the three, for every state."""

    states: dict = field(default_factory=dict)
    monotony: int = 0
    chance: bool = False  # one run differs from the next: so many more may be not right, wrong, wrong and sure; break monotony
    CHANCE_ROOM = (3, 1, 1)
    CHANCE_MONOTONY = 2

    def complaints(self, state, score):
        if score.outcomes["broken"]:
            yield f"{state}: {score.outcomes['broken']} are broken"
        if "*" not in self.states and state not in self.states:
            yield f"{state}: nothing to compare with"
            return
        most = self.states[state] if state in self.states else self.states["*"](score)
        room = self.CHANCE_ROOM if self.chance else (0, 0, 0)
        for what, number, limit, more in zip(("not right", "wrong", "wrong and sure"),
                                             (score.not_right(), score.outcomes["wrong"], score.wrong_and_sure()), most, room):
            if number > limit + more:
                yield f"{state}: {number} are {what}, {limit} at most, or {limit + more} by chance"

    def monotony_complaints(self, found):
        if len(found) > self.monotony + (self.CHANCE_MONOTONY if self.chance else 0):
            yield f"with less evidence {len(found)} answers say no less, {self.monotony} at most"


# 90 % right, 2 % wrong, none of them likely or surer.
AIM = Limits({"*": lambda score: (score.count // 10, score.count // 50, 0)})

# Cases whose answers are chance, as they die: a heap's low address that looks like a null pointer now and then; a thread that is still
# in the call that killed its process, or not.
CHANCE = {"choir-left@O2+static", "courier-clerk@O2+static"}

# As measured, of the whole crashes and of the sample in all states; several runs agreed. Raise it when the corpus gets better.
SAMPLE = Limits({
    "unrecorded": (63, 0, 0),
    "everything": (58, 0, 0),
    "no-heap": (7, 0, 0),
    "no-record": (7, 0, 0),
    "no-symbols": (13, 0, 0),
    "no-debug": (9, 0, 0),
    "no-executable": (26, 0, 0),
    "no-libc": (29, 1, 0),
    "no-siginfo": (8, 0, 0),
    "no-files": (10, 2, 1),
    "down-debug": (8, 0, 0),
    "down-symbols": (12, 0, 0),
    "down-executable": (24, 0, 0),
    "core-alone": (38, 0, 0),
    "bare-core": (33, 0, 0),
}, monotony=11, chance=True)

# All crashes in all states, measured once.
ALL = Limits({
    "unrecorded": (63, 0, 0),
    "everything": (58, 0, 0),
    "no-heap": (58, 0, 0),
    "no-record": (62, 0, 0),
    "no-symbols": (124, 4, 4),
    "no-debug": (61, 0, 0),
    "no-executable": (238, 1, 1),
    "no-libc": (202, 3, 2),
    "no-siginfo": (57, 0, 0),
    "no-files": (80, 4, 2),
    "down-debug": (64, 0, 0),
    "down-symbols": (131, 7, 7),
    "down-executable": (211, 2, 1),
    "core-alone": (292, 3, 2),
    "bare-core": (274, 1, 0),
}, monotony=91, chance=True)

SO_FAR = {"whole": SAMPLE, "sample": SAMPLE, "all": ALL}
