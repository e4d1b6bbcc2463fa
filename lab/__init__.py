"""Everything that builds, drives, watches and judges nodes."""
