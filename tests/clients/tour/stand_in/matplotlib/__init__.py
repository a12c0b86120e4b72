"""In the place of the drawing library, which is large: it writes down what it was told to draw."""


def use(backend):
    assert backend == "Agg"
