"""From other servers' configuration files to forwarding tables and scenarios, and back."""
