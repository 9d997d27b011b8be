"""What the doctor mends by itself, always in a copy: nothing that takes a judgement, such as where to cut a clip."""
