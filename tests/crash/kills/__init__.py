"""Kills: processes of one store that end at any instant, and what must be so afterwards."""
