"""Losses of reinforcement learning as pure functions, named as in their papers.

Legend of shapes: ``b`` batch, ``k`` costs. Rewards and values are in the environment's own units.
"""
