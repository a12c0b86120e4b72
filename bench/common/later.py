"""Processor time of the threads of a process that work for later: what they do falls to whom it happens to meet."""

import pathlib
import threading

EVERY_S = 0.1
YOUNG = 5  # looks at a thread until its name is taken for its last


class ThreadTimes:
    """Follows those threads of a process whose names begin with one of `names`, also those that come and go."""

    def __init__(self, pid, names):
        self.tasks, self.names = pathlib.Path(f"/proc/{pid}/task"), tuple(names)
        self.looks, self.used_ns = {}, {}  # by thread; the latter of those that are followed
        self.lock, self.over = threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over.wait(EVERY_S):
            self.look()

    def look(self):
        with self.lock:
            for task in self.tasks.iterdir() if self.tasks.exists() else ():
                try:
                    looks = self.looks[task.name] = self.looks.get(task.name, 0) + 1
                    if looks <= YOUNG and (task / "comm").read_text().startswith(self.names):
                        self.looks[task.name] = YOUNG
                        self.used_ns.setdefault(task.name, 0)
                    if task.name in self.used_ns:
                        self.used_ns[task.name] = int((task / "schedstat").read_text().split()[0])
                except OSError:
                    pass  # it has ended: what it had used by the last look counts

    def seconds(self):
        """What they have used so far."""
        self.look()
        with self.lock:
            return sum(self.used_ns.values()) / 1e9

    def stop(self):
        self.over.set()
        self.thread.join()
