// Sends the answer on at once; without this file its button does (OAuth 2.0 Form Post Response Mode).
"use strict";

document.getElementById("form-post").submit();
