"""A store under a mixed load for as long as is asked: are the answers right, and does anything grow?"""
