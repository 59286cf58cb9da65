"""Servers, drivers and runner of the gateway suite. README.md, one folder up, is the manual."""
