"""The capture worker: takes pictures from a camera and publishes them, as any other publisher would.

One process per camera, which holds the camera's password and decodes what the camera sends. Two threads meet in a ring:

- the **reader** follows one source (`http`, `rtsp` or `home_assistant`, behind the Protocol `Source`) and puts every
  `Item` that it reads into the `Ring`: a JPEG, or a packet of a video stream, still compressed. It blocks only on the
  camera. When the camera fails it raises a `CaptureError` with a reason, and `reconnect` says when to try again;
- the **camera loop** (`loop`) asks the `Schedule` what is due: a picture while nothing happens, more during motion, and
  a burst around a press. It takes the items from the ring, has the source's `Decoder` make JPEGs of them, and hands
  them to the `Publisher`, the process's own MQTT connection.

`schedule`, `ring`, `multipart`, `reconnect` and `doorbell_events` are pure: time is an argument. Because the ring holds
compressed items, the seconds before a press cost memory and no decoding. The parent (`supervisor`) starts the
processes, reads their `Report`s, kills one that is silent or too large, and restarts it by the pool's restart policy.
It decodes nothing.
"""
