"""tests/backends/models/linearizable.py -- is a history of one register linearizable? The search of Wing and Gong, with Lowe's memory of where it
has been: https://www.cs.ox.ac.uk/people/gavin.lowe/LinearizabiltyTesting/paper.pdf

A register holds a value, or nothing (None). Every value is written once at most, so what holds of its ETag holds of it. Where nobody knows
what became of an operation, it may have been applied at any time after it began, or never.
"""

import dataclasses
import math

READ, WRITE, CREATE, SWAP, DELETE, DELETE_IF = "read", "write", "create", "swap", "delete", "delete if"


@dataclasses.dataclass
class Operation:
    kind: str
    value: object = None  # read, or to be written
    expected: object = None  # of SWAP and DELETE_IF
    outcome: str = "unknown"  # "done", "refused" (its condition did not hold), "unknown"
    began: float = 0
    ended: float = math.inf  # unknown: never
    who: str = ""
    also: frozenset = frozenset()  # states that it may have been applied to although its condition does not hold (loosened)

    def may_pass(self, state):
        """Does its condition hold?"""
        if self.kind == CREATE:
            return state is None
        if self.kind == SWAP:
            return state is not None and state == self.expected
        if self.kind == DELETE_IF:  # nothing is deleted already
            return state is None or state == self.expected
        return True

    def apply(self, state):
        """(possible, the state behind it)"""
        if self.kind == READ:
            return state == self.value, state
        passes = self.may_pass(state)
        if self.outcome == "refused":
            return not passes, state
        return passes or state in self.also, (None if self.kind in (DELETE, DELETE_IF) else self.value)


def loosened(history):
    """The same on a server that lets a delete come between a look at a condition and the deed: a swap may put back what was deleted
    while it was under way, and a conditional delete may take what was written while it was. Nothing else is allowed it."""
    def beside(one, kinds):
        return [other for other in history
                if other.kind in kinds and other.outcome != "refused" and other.began <= one.ended and one.began <= other.ended]

    def states(one):
        if one.kind == SWAP:
            return frozenset([None] if beside(one, (DELETE, DELETE_IF)) else [])
        return frozenset(other.value for other in beside(one, (WRITE, CREATE, SWAP)) if one.kind == DELETE_IF)
    return [dataclasses.replace(one, also=states(one)) for one in history]


def linearize(history):
    """An order of the operations that explains every answer, as indices of the history; None: there is none."""
    history = [one for one in history if one.kind != READ or one.outcome == "done"]
    order = sorted(range(len(history)), key=lambda index: history[index].began)
    certain = sum(1 << index for index in order if history[index].outcome != "unknown")
    seen = set()
    # a path of (what is done, the state, where among the candidates we are); the last one is tried on
    path = [(0, None, None)]
    tries = [iter(candidates(history, order, 0))]
    while path:
        done, state, _ = path[-1]
        if done & certain == certain:
            return [index for _, _, index in path[1:]]
        for index in tries[-1]:
            possible, after = history[index].apply(state)
            step = (done | 1 << index, after)
            if possible and step not in seen:
                seen.add(step)
                path.append((*step, index))
                tries.append(iter(candidates(history, order, step[0])))
                break
        else:
            path.pop()
            tries.pop()
    return None


def candidates(history, order, done):
    """What may come next: what began before any of the others had ended. What is certain first."""
    left = [index for index in order if not done >> index & 1]
    first_end = min((history[index].ended for index in left), default=math.inf)
    may = [index for index in left if history[index].began <= first_end]
    return sorted(may, key=lambda index: history[index].ended)
