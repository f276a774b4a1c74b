"""Storage of weights and checkpoints: a folder, or a part of an object store.

Files are named by keys relative to the storage, with `/` between folders, so that a folder or a
bucket can be moved. Writes are atomic: a reader gets the old or the new content.

Credentials of an object store come from the environment, as its libraries document it (AWS_… or
GOOGLE_APPLICATION_CREDENTIALS). They must not be in the URI, which is recorded and shown.
"""

from nas.storage.files import (
    File,
    FolderStorage,
    Storage,
    StoredFile,
    file_sha256,
    file_text,
    is_uri,
    write_file,
)
from nas.storage.opening import Keep, file_at, open_storage, storage_text, weights_storage
