"""Make the posters of videos. A poster is one frame, as a small picture for pages."""
