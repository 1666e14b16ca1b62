"""The benchmark: a load generator, a bare server as the floor, one canonical workload a service.

`make bench [PEERS=ministack] [QUICK=1]` prints figures beside ratios to the floor and to a peer of
the same run. Nothing here asserts a time: machines differ, ratios travel.
"""
