"""An event file by TensorBoard's own classes, or what TensorBoard reads from one.

usage: tensorboard_events.py > tests/train/data/tensorboard.events
       tensorboard_events.py FOLDER        one line a scalar: tag, step, value

The figures are those of tests/train/trackers.c; the time of a step is its number.
"""
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import event_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

if len(sys.argv) > 1:
    events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
    events.Reload()
    for tag in sorted(events.Tags()["scalars"]):
        for event in events.Scalars(tag):
            print(tag, event.step, f"{event.value:.9g}")
    sys.exit()

writer = RecordWriter(sys.stdout.buffer)
first = event_pb2.Event(file_version="brain.Event:2")
first.wall_time = 0.0
# A proto3 field that is zero is not written; Hone writes the time of the first record too.
writer.write(b"\x09" + b"\0" * 8 + first.SerializeToString())
for step in (1, 2, 127, 128, 300, 70000):
    event = event_pb2.Event(wall_time=float(step), step=step)
    for name, value in (("loss", 1.5 / step), ("lr", 2e-4 * step), ("val_loss", -0.25 * step))[: 1 + step % 3]:
        event.summary.value.add(tag=name, simple_value=value)
    writer.write(event.SerializeToString())
sys.stdout.buffer.flush()
