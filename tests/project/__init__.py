"""Tests of the project itself: its structure, names, words, documents, locks and tools."""
