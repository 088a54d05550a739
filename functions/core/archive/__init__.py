"""A verified video in S3."""
