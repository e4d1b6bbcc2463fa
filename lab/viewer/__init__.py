"""Viewers as they really are: stub resolvers, and the visits they make."""
