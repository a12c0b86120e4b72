"""Notes which members of the client, and which of their parameters, were used."""

import inspect

USED = set()


def parameters(function):
    return [name for name in inspect.signature(function).parameters if name != "self"]


def members(class_):
    """{method: its parameters} of what is public."""
    return {name: parameters(value) for name, value in inspect.getmembers(class_, inspect.isfunction)
            if not name.startswith("_")}


class Walked:
    """An object of the client; what is called through this is noted, with the parameters that were given."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, member):
        value = getattr(self._inner, member)
        if not inspect.ismethod(value):
            return value
        name = f"{type(self._inner).__name__}.{member}"

        def call(*args, **words):
            USED.add(name)
            USED.update(f"{name}.{given}" for given in inspect.signature(value).bind(*args, **words).arguments)
            return value(*args, **words)

        return call


def walked_function(function):
    """The same for a function of the package."""
    def call(*args, **words):
        USED.add(function.__name__)
        given = inspect.signature(function).bind(*args, **words).arguments
        USED.update(f"{function.__name__}.{name}" for name in given)
        return function(*args, **words)

    return call


def missing(classes=(), functions=()):
    """What was not used of these."""
    wanted = set()
    for class_ in classes:
        for method, names in members(class_).items():
            wanted.add(f"{class_.__name__}.{method}")
            wanted.update(f"{class_.__name__}.{method}.{name}" for name in names)
    for function in functions:
        wanted.add(function.__name__)
        wanted.update(f"{function.__name__}.{name}" for name in parameters(function))
    return sorted(wanted - USED)
