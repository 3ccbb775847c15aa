"""Tests of what is sent to Discord, and when."""
