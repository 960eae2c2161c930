"""Gates: rules over measurements, each with a verdict, and only green or amber goes on.

``spec`` reads what a user wrote into ``model.Gate``; ``sources`` read a host; ``window`` polls all
sources of one call together; ``sources`` and ``samples`` turn what was read into a
``model.Measurement``; ``rules`` and ``verdict`` judge it; ``evaluate`` is the whole path.
"""
