"""Runners: where the stages run. The local one uses processes of this machine, the cluster one Ray."""
