"""
Paint pictures from the words of a prompt: the stand-in for a real image model. It knows nothing of tasks and HTTP.

painter.py    choose the scene from the words, and paint its parts in order
manners.py    the manner in which each model paints
palette.py    the colours: times of day and colour words
light.py      sky, glow, clouds, water, weather, grain
scenery.py    mountains, forests, cities, and single objects
prints.py     the attached pictures, shown as framed prints; the mask
"""
