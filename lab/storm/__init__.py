"""A logon storm: thousands of viewers ask for a cluster's name and connect, all within seconds.

For a Python caller:

    from pathlib import Path
    from lab.storm.request import Storm
    from lab.storm.run import run_storm

    record = run_storm(Storm(Path("topologies/cluster-nat.toml"), viewers=2_000), Path("out"))
    print(record.answers.lost, record.both_wait, record.evenness)
"""
