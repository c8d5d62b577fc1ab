"""Uploads one file with requests, or without it with urllib, and prints the answer:

    TAXIWAY_BASE_URL=… TAXIWAY_TOKEN=… python3 upload.py FILE CONTENT_TYPE [NAME [EMAIL]]

The sample of the API page, with the name and the email encoded, and the file sent as it is read.
TAXIWAY_SAMPLE_URLLIB=1 takes urllib even where requests is installed.
"""

import os
import sys
import urllib.error
import urllib.parse
import urllib.request

try:
    import requests
except ImportError:
    requests = None


def with_requests(url, params, headers, file):
    response = requests.post(url, params=params, headers=headers, data=file)
    return response.ok, response.text


def with_urllib(url, params, headers, file):
    # Without a length, urllib sends chunks.
    headers["Content-Length"] = str(os.fstat(file.fileno()).st_size)
    url = f"{url}?{urllib.parse.urlencode(params)}"
    request = urllib.request.Request(url, data=file, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request) as response:
            return True, response.read().decode()
    except urllib.error.HTTPError as error:
        return False, error.read().decode()


def main(path, content_type, name=None, email=None):
    params = {"name": name or os.path.basename(path)}
    if email:
        params["email"] = email
    headers = {
        "Authorization": f"Bearer {os.environ['TAXIWAY_TOKEN']}",
        "Content-Type": content_type,
    }
    send = with_requests
    if requests is None or os.environ.get("TAXIWAY_SAMPLE_URLLIB"):
        send = with_urllib
    with open(path, "rb") as file:
        ok, text = send(f"{os.environ['TAXIWAY_BASE_URL']}/assets/", params, headers, file)
    print(text)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
