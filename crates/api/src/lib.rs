//! HTTP in: the routes of OpenAI's and Anthropic's SDKs over the gateway. It decides nothing about models or money.
