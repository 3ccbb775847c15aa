"""Tests of downloads: from which addresses, how much, through which proxy."""
