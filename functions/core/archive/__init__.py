"""Download a video, verify it and store it in S3."""
