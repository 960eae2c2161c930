"""A person's word for one plan: who may give it, to what it is bound, and when it counts no more.

::

    parts   what a plan is made of, its digest, and what has changed between two plans
    model   the words that a system asks for, and the words that people gave
    judge   which of the words that are asked for are there
    store   the files of the controller that keep them
    words   what a person is shown before signing
    command the command that leads there
"""
