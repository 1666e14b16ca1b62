"""Programs that run inside the function's own Python (3.8 or later), started by path, never
imported.

parent.py is the warm parent, child.py what it becomes after a fork. They use the standard library
only and none of Redrive, so that nothing of ours is in the way of a function's modules.
"""
