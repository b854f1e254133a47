import { target } from "./browser";

/** Talks to the API beside the browser, to prepare what a journey needs and to act as somebody else. */
export class Api {
  #token = "";

  async #send(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const response = await fetch(target.url + path, {
      method,
      headers: {
        "Content-Type": "application/json",
        ...(this.#token ? { Authorization: `Bearer ${this.#token}` } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    }
    return answer;
  }

  async signIn(): Promise<this> {
    const answer = await this.#send("POST", "/v1/sessions", {
      email: target.email,
      password: target.password,
    });
    this.#token = String(answer["accessToken"]);
    return this;
  }

  get<T>(path: string): Promise<T> {
    return this.#send("GET", path) as Promise<T>;
  }

  post<T>(path: string, body: object): Promise<T> {
    return this.#send("POST", path, body) as Promise<T>;
  }

  patch<T>(path: string, body: object): Promise<T> {
    return this.#send("PATCH", path, body) as Promise<T>;
  }
}
