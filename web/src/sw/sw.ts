export {}
console.log("__SHELL__", '__BUILD__')
