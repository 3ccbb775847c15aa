"""
Tests of the texts in all languages, and of words in prompts.

written_texts.py  the catalogue of texts as its files are written, before it is formatted
"""
