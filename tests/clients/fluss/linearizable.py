"""Is a history of reads and writes of registers linearizable?

The algorithm is that of Gibbons and Korach ("Testing Shared Memories", SIAM J. Comput. 26(4), 1997) for writes of
distinct values. A write and the reads that saw it are a cluster; its zone lies between the earliest end and the
latest start of its operations. Is the end first, the zone is a forward one, during which the register certainly
held that value; else it is a backward one, and the cluster fits into any instant of it. A history is linearizable if and
only if no read ends before its write starts, no two forward zones overlap, and no backward zone lies within a
forward one.
"""

import dataclasses

NEVER = float("-inf")
UNKNOWN = float("inf")


@dataclasses.dataclass(frozen=True)
class Operation:
    """`end` is UNKNOWN for a write whose answer did not come: it may take effect at any time, or never."""
    kind: str  # "read" or "write"
    value: object
    start: float
    end: float


def fault(history, initial=None):
    """What is wrong with the history of one register, as text; None if nothing is."""
    clusters = {initial: [Operation("write", initial, NEVER, NEVER)]}
    for operation in history:
        if operation.kind == "write":
            if operation.value in clusters:
                raise ValueError(f"{operation.value!r} was written twice")
            clusters[operation.value] = [operation]
    for operation in history:
        if operation.kind != "read":
            continue
        if operation.value not in clusters:
            return f"{operation} saw what nobody wrote"
        write = clusters[operation.value][0]
        if operation.end < write.start:
            return f"{operation} ended before {write} started"
        clusters[operation.value].append(operation)
    forward, backward = [], []
    for value, cluster in clusters.items():
        if len(cluster) == 1 and cluster[0].end == UNKNOWN:
            continue  # it never was, as far as anybody saw
        first_end = min(operation.end for operation in cluster)
        last_start = max(operation.start for operation in cluster)
        if first_end < last_start:
            forward.append((first_end, last_start, value))
        else:
            backward.append((last_start, first_end, value))
    forward.sort(key=lambda zone: zone[:2])
    for (_, end, value), (start, _, other) in zip(forward, forward[1:]):
        if start < end:
            return f"the register held {value!r} and {other!r} at once"
    for start, end, value in backward:
        for zone_start, zone_end, other in forward:
            if zone_start < start and end < zone_end:
                return f"{value!r} was written and read while the register held {other!r}"
    return None
