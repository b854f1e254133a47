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

  async signIn(email = target.email, password = target.password): Promise<this> {
    const answer = await this.#send("POST", "/v1/sessions", { email, password });
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

  /** Uploads a file and resolves to its ID. */
  async upload(name: string, content: string): Promise<string> {
    const form = new FormData();
    form.append("file", new Blob([content]), name);
    const response = await fetch(`${target.url}/v1/files`, {
      method: "POST",
      headers: { Authorization: `Bearer ${this.#token}` },
      body: form,
    });
    const answer = (await response.json()) as { file?: { id: string } };
    if (!answer.file) {
      throw new Error(`upload: ${response.status} ${JSON.stringify(answer)}`);
    }
    return answer.file.id;
  }

  /** Makes a user with one of the ready-made roles, who can sign in with the password. */
  async makeUser(name: string, email: string, code: string, password: string): Promise<string> {
    const { roles } = await this.get<{ roles: { id: string; code: string }[] }>("/v1/roles");
    const roleIds = roles.filter((role) => role.code === code).map((role) => role.id);
    const { user } = await this.post<{ user: { id: string } }>("/v1/users", { name, email, roleIds });
    await this.post(`/v1/users/${user.id}:setPassword`, { password });
    return user.id;
  }
}
