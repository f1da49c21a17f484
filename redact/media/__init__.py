"""Reading and writing video: the only place that knows PyAV and ffmpeg."""
