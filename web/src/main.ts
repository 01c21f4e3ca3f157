// Starts the interface in the page that the server gave.

import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";
import { LANGUAGE } from "./text";

document.documentElement.lang = LANGUAGE;
mount(App, { target: document.getElementById("app")! });
