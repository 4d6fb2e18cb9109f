"""Client of the image detection service.

from image_detection import Client, to_frame

with Client("http://127.0.0.1:8080") as client:
    print(client.analyze("photo.jpg"))
    photos = to_frame(client.analyze_folder("photos"))
"""

from image_detection.answers import Attribute, Caption, FoundObject, Result
from image_detection.client import Client, ServiceError
from image_detection.frames import to_box_frame, to_frame

__all__ = ["Attribute", "Caption", "Client", "FoundObject", "Result", "ServiceError", "to_box_frame", "to_frame"]
