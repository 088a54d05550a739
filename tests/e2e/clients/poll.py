"""Create a video and poll it, as in the provider's documentation.

Poll until the status is neither queued nor generating. This code does not know about Promptreel; only the base URL and
the key are given.
"""

import os
import time

import requests

base_url = os.environ["BASE_URL"]
api_key = os.environ["API_KEY"]


def generate_video():
    url = f"{base_url}/v2/video/generations"
    headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
    data = {"model": "google/veo3", "prompt": os.environ["PROMPT"], "aspect_ratio": "16:9"}
    response = requests.post(url, json=data, headers=headers, timeout=60)
    if response.status_code >= 400:
        print(f"Error: {response.status_code} - {response.text}")
        return None
    return response.json()


def get_video(gen_id):
    url = f"{base_url}/v2/video/generations"
    headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
    response = requests.get(url, params={"generation_id": gen_id}, headers=headers, timeout=60)
    return response.json()


def main():
    gen_response = generate_video()
    gen_id = gen_response.get("id")
    print("Generation ID:", gen_id)
    start_time = time.time()
    while time.time() - start_time < 60:
        response_data = get_video(gen_id)
        status = response_data.get("status")
        print("Status:", status)
        if status in ["queued", "generating"]:
            time.sleep(1)
        else:
            print("Video URL:", response_data["video"]["url"])
            return


main()
