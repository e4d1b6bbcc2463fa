"""The matrix: who holds which rule in which seat, and how long each makes a viewer wait."""
